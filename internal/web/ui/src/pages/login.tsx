import { useState } from 'preact/hooks'
import { LogInForm } from '../lib/login'
import { t } from '../lib/i18n'
import { Button, mount } from '../lib/ui'

/** The page to go back to: a path of ours, never another host. */
function target(): string {
  const to = new URLSearchParams(location.search).get('to') ?? ''
  return /^\/(me|register\/[\w-]+|sign\/[\w-]+)$/.test(to) ? to : '/me'
}

function LogIn() {
  const [reset, setReset] = useState(false)
  return (
    <div class="page narrow">
      <h1>{reset ? t('Quên mật khẩu', 'Forgotten password') : t('Đăng nhập', 'Log in')}</h1>
      <p class="lead">{reset ? t('Mật khẩu mới có hiệu lực sau 24 giờ, để chủ tài khoản kịp hủy nếu không phải họ yêu cầu.', 'The new password counts after 24 hours, so that its owner can stop what another person asked for.')
        : t('Tài khoản được tạo khi bạn đăng ký chứng thư số.', 'Your account was made when you registered a certificate.')}</p>
      <LogInForm key={String(reset)} reset={reset} done={() => location.replace(target())} />
      <div><Button kind="quiet" onPress={() => setReset(!reset)}>{reset ? t('Quay lại đăng nhập', 'Back to the log-in') : t('Quên mật khẩu?', 'Forgotten the password?')}</Button></div>
    </div>
  )
}

mount(<LogIn />)
