import { t } from '../lib/i18n'
import { mount } from '../lib/ui'

function Home() {
  return (
    <div class="page">
      <h1>{t('Ký số từ xa, ngay trên điện thoại của bạn', 'Remote signing, from your own phone')}</h1>
      <p class="lead">{t('Tải văn bản lên, chọn chứng thư số, đặt khung chữ ký và xác nhận trên điện thoại. Khóa ký không rời khỏi tổ chức cấp chứng thư số.', 'Upload a document, choose a certificate, place the signature and confirm on the phone. The key never leaves the certification authority.')}</p>
      <div class="choices">
        <a class="card choice" href="/sign">
          <h2>{t('Ký văn bản', 'Sign documents')}</h2>
          <p>{t('Một hoặc nhiều tệp PDF, xác nhận một lần.', 'One PDF or several, with one confirmation.')}</p>
        </a>
        <a class="card choice" href="/register">
          <h2>{t('Đăng ký chứng thư số', 'Register a certificate')}</h2>
          <p>{t('Bắt đầu trong VNeID, hoàn tất tại đây: tài khoản, gói, hợp đồng, kích hoạt.', 'Begin in VNeID and go on here: account, package, contract, activation.')}</p>
        </a>
        <a class="card choice" href="/verify">
          <h2>{t('Kiểm tra chữ ký', 'Verify signatures')}</h2>
          <p>{t('Ai đã ký, lúc nào, tài liệu có bị sửa sau đó không. Tệp không được lưu lại.', 'Who signed, when, and whether it was changed later. The file is not kept.')}</p>
        </a>
        <a class="card choice" href="/docs">
          <h2>{t('Tích hợp qua API', 'Integrate over the API')}</h2>
          <p>{t('Mọi việc trên trang này đều làm được từ hệ thống của bạn.', 'Everything on these pages can be done by your own system.')}</p>
        </a>
      </div>
    </div>
  )
}

mount(<Home />)
